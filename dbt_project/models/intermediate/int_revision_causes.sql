-- Which changed rows moved which value, by the difference that rows make on the later of both days: all that bears on a
-- member whose part in the value differs, and all that is tied to it by a row that bears on several. Without these rows
-- the figure is what it would be had no row come (decision 008).

{% set value_key = ['reporting_year', 'plan_version', 'indicator_id', 'breakdown', 'breakdown_value'] %}
{% set graph = ['reporting_year', 'plan_version', 'indicator_id', 'graph_breakdown', 'graph_meeting'] %}
{% set obstacles = "'not_computable', 'not_yet_due'" %}

with

indicators as (
    select * from {{ ref('dim_indicator') }}
),

bearings as (
    select * from {{ ref('int_record_bearings') }}
),

changes as (
    select * from {{ ref('int_row_changes') }}
),

topics as (
    select * from {{ ref('int_revision_topics') }}
),

-- where a part is hidden, it may be for the sake of another, so that no meeting stands for itself
hidden_meetings as (
    select distinct
        reporting_year,
        plan_version,
        indicator_id
    from (
        select * from {{ source('control', 'values_before') }}
        union all
        select * from {{ source('control', 'values_after') }}
        union all
        select
            {{ value_key | join(', ') }},
            numerator,
            denominator,
            value,
            status
        from {{ ref('indicator_values') }}
    ) as shown
    where
        breakdown = 'meeting'
        and status = 'suppressed'
),

-- values that rows moved; `graph_breakdown` and `graph_meeting` say which records can bear on it
moved_values as (
    select
        changed_values.*,
        indicators.rule,
        indicators.unit,
        changed_values.breakdown as graph_breakdown,
        case
            when changed_values.breakdown <> 'meeting' then ''
            when indicators.rule = 'participant_count' then ''
            when indicators.rule = 'participant_share' and hidden_meetings.indicator_id is not null then ''
            else changed_values.breakdown_value
        end as graph_meeting,
        -- without the rows it could not be computed, or was not there: they remove what stood in the way
        coalesce(changed_values.status_without_rows, 'not_computable') in ({{ obstacles }}) as is_new,
        coalesce(changed_values.status_with_rows, 'not_computable') in ({{ obstacles }}) as is_gone
    from {{ ref('int_changed_values') }} as changed_values
    inner join indicators
        on
            changed_values.plan_version = indicators.plan_version
            and changed_values.indicator_id = indicators.indicator_id
    left join hidden_meetings
        on
            changed_values.reporting_year = hidden_meetings.reporting_year
            and changed_values.plan_version = hidden_meetings.plan_version
            and changed_values.indicator_id = hidden_meetings.indicator_id
    where changed_values.is_moved_by_rows
),

members_before as (
    select * from {{ source('control', 'members_before') }}
),

members_after as (
    select * from {{ source('control', 'members_after') }}
    union all
    select * from {{ ref('int_part_members') }} where {{ is_later_day() }}
),

member_moves as (
    select
        {% for column in value_key %}
        coalesce(members_after.{{ column }}, members_before.{{ column }}) as {{ column }},
        {% endfor %}
        coalesce(members_after.member_kind, members_before.member_kind) as member_kind,
        coalesce(members_after.member_key, members_before.member_key) as member_key,
        members_before.iso3 as old_iso3,
        members_after.iso3 as new_iso3,
        coalesce(members_before.in_numerator, false) <> coalesce(members_after.in_numerator, false)
            as is_other_numerator,
        coalesce(members_before.in_denominator, false) <> coalesce(members_after.in_denominator, false)
            as is_other_denominator,
        members_before.member_key is null or members_after.member_key is null as is_other_listing
    from members_after
    full join members_before
        on
            {{ same_value('members_after', 'members_before') }}
            and members_after.member_kind = members_before.member_kind
            and members_after.member_key = members_before.member_key
    where
        members_before.in_numerator is distinct from members_after.in_numerator
        or members_before.in_denominator is distinct from members_after.in_denominator
),

-- the members by whom a value moved, and whether they joined or left its population, or its region
moved_members as (
    select
        moved_values.*,
        moves.member_kind,
        moves.member_key,
        moves.old_iso3,
        moves.new_iso3,
        case
            when moved_values.breakdown in ('total', 'un_region')
                then
                    moves.is_other_denominator
                    or (moved_values.unit = 'number' and moves.is_other_listing)
            else
                coalesce(
                    totals.is_other_denominator
                    or (moved_values.unit = 'number' and totals.is_other_listing),
                    false
                )
        end as is_other_membership
    from moved_values
    inner join member_moves as moves on {{ same_value('moved_values', 'moves') }}
    left join member_moves as totals
        on
            moves.reporting_year = totals.reporting_year
            and moves.plan_version = totals.plan_version
            and moves.indicator_id = totals.indicator_id
            and moves.member_kind = totals.member_kind
            and moves.member_key = totals.member_key
            and totals.breakdown = 'total'
    where
        not moved_values.is_new
        and not moved_values.is_gone
        and (moves.is_other_numerator or moves.is_other_denominator)
    union all
    -- the denominator of these parts is that of the total
    select
        moved_values.*,
        totals.member_kind,
        totals.member_key,
        totals.old_iso3,
        totals.new_iso3,
        true as is_other_membership
    from moved_values
    inner join member_moves as totals
        on
            moved_values.reporting_year = totals.reporting_year
            and moved_values.plan_version = totals.plan_version
            and moved_values.indicator_id = totals.indicator_id
            and totals.breakdown = 'total'
    where
        moved_values.breakdown in ('timeliness', 'payment')
        and not moved_values.is_new
        and not moved_values.is_gone
        and totals.is_other_denominator
),

moved_nodes as (
    {% for iso3 in ['old_iso3', 'new_iso3'] %}
    select
        {{ value_key | join(', ') }},
        graph_breakdown,
        graph_meeting,
        case when member_kind = 'instrument' then member_key else {{ iso3 }} end as node,
        is_other_membership
    from moved_members
    {{ 'union distinct' if not loop.last }}
    {% endfor %}
),

graphs as (
    select distinct {{ graph | join(', ') }}
    from moved_values
),

ties as (
    select
        {% for column in graph %}
        graphs.{{ column }},
        {% endfor %}
        bearings.dataset,
        bearings.record_key,
        bearings.node,
        max(topics.makes_members) as makes_members
    from graphs
    inner join topics
        on
            graphs.plan_version = topics.plan_version
            and graphs.indicator_id = topics.indicator_id
            and topics.breakdown in ('any', graphs.graph_breakdown)
    inner join bearings
        on
            topics.topic = bearings.topic
            and graphs.reporting_year between bearings.first_year and bearings.last_year
            and (bearings.indicator_id is null or graphs.indicator_id = bearings.indicator_id)
            and (bearings.plan_version is null or graphs.plan_version = bearings.plan_version)
            and (
                graphs.graph_meeting = ''
                or bearings.meeting_id is null
                or graphs.graph_meeting = bearings.meeting_id
            )
    group by
        {% for column in graph %}
        graphs.{{ column }},
        {% endfor %}
        bearings.dataset,
        bearings.record_key,
        bearings.node
),

tied as (
    select
        *,
        case
            when
                node is null
                or min(node) over (partition by {{ graph | join(', ') }}, dataset, record_key)
                <> max(node) over (partition by {{ graph | join(', ') }}, dataset, record_key)
                then 1
            else 0
        end as bears_on_several
    from ties
),

-- a node is shared where a record that bears on several bears on it
edges as (
    select
        *,
        max(bears_on_several) over (partition by {{ graph | join(', ') }}, node) = 1
        or max(case when node is null then 1 else 0 end) over (partition by {{ graph | join(', ') }}) = 1 as is_shared
    from tied
),

by_members as (
    select
        {% for column in value_key %}
        moved_nodes.{{ column }},
        {% endfor %}
        edges.dataset,
        edges.record_key,
        edges.makes_members = 1 and moved_nodes.is_other_membership as is_membership
    from moved_nodes
    inner join edges
        on
            moved_nodes.node = edges.node
            and {{ same_graph('moved_nodes', 'edges') }}
),

-- what else changed for those on whom such a row bears would count if that row were not there
by_shared_rows as (
    select distinct
        {% for column in value_key %}
        moved_nodes.{{ column }},
        {% endfor %}
        tied_edges.dataset,
        tied_edges.record_key,
        false as is_membership
    from moved_nodes
    inner join edges as reached
        on
            moved_nodes.node = reached.node
            and reached.is_shared
            and {{ same_graph('moved_nodes', 'reached') }}
    inner join edges as tied_edges
        on
            tied_edges.is_shared
            and {{ same_graph('reached', 'tied_edges') }}
),

-- a row that bears on all is tied to everybody, also where nothing else changed for a member who moved
by_rows_for_all as (
    select distinct
        {% for column in value_key %}
        moved_nodes.{{ column }},
        {% endfor %}
        tied_edges.dataset,
        tied_edges.record_key,
        false as is_membership
    from moved_nodes
    inner join (
        select distinct {{ graph | join(', ') }}
        from edges
        where node is null
    ) as reached
        on {{ same_graph('moved_nodes', 'reached') }}
    inner join edges as tied_edges on {{ same_graph('reached', 'tied_edges') }}
),

-- values of groups of people, whose members are not published, and values that can't be computed any more
by_all as (
    select
        {% for column in value_key %}
        moved_values.{{ column }},
        {% endfor %}
        edges.dataset,
        edges.record_key,
        false as is_membership
    from moved_values
    inner join edges
        on {{ same_graph('moved_values', 'edges') }}
    where
        not moved_values.is_new
        and (moved_values.is_gone or moved_values.rule in ('participant_count', 'participant_share'))
),

-- a part that comes or goes with its meeting
by_meetings as (
    select
        {{ value_key | join(', ') }},
        'meetings' as dataset,
        breakdown_value as record_key,
        false as is_membership
    from moved_values
    where
        breakdown = 'meeting'
        and (status_without_rows is null or status_with_rows is null)
),

-- a dataset that came for the first time, or is gone, and the meeting that sets the limit of payments
needs as (
    select
        indicators.plan_version,
        indicators.indicator_id,
        rule_datasets.dataset
    from indicators
    inner join {{ ref('rule_datasets') }} as rule_datasets on indicators.rule = rule_datasets.rule
    union distinct
    select
        indicators.plan_version,
        indicators.indicator_id,
        population_datasets.dataset
    from indicators
    inner join {{ ref('population_datasets') }} as population_datasets
        on indicators.population = population_datasets.population
    union distinct
    select
        plan_version,
        indicator_id,
        source as dataset
    from indicators
),

by_obstacles as (
    select
        {% for column in value_key %}
        moved_values.{{ column }},
        {% endfor %}
        changes.dataset,
        changes.record_key,
        false as is_membership
    from moved_values
    inner join needs
        on
            moved_values.plan_version = needs.plan_version
            and moved_values.indicator_id = needs.indicator_id
    inner join changes
        on
            needs.dataset = changes.dataset
            and changes.is_first_or_last
    where
        'not_computable' in (
            coalesce(moved_values.status_without_rows, ''), coalesce(moved_values.status_with_rows, '')
        )
    union all
    select
        {% for column in value_key %}
        moved_values.{{ column }},
        {% endfor %}
        bearings.dataset,
        bearings.record_key,
        false as is_membership
    from moved_values
    inner join bearings
        on
            bearings.topic = 'formal_meetings'
            and moved_values.reporting_year between bearings.first_year and bearings.last_year
    where
        moved_values.rule = 'paid_in_time'
        and (moved_values.is_new or moved_values.is_gone)
),

linked as (
    {% for links in [
        'by_members', 'by_shared_rows', 'by_rows_for_all', 'by_all', 'by_meetings', 'by_obstacles',
    ] %}
    select * from {{ links }}
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

records as (
    select
        {% for column in value_key %}
        {{ column }},
        {% endfor %}
        dataset,
        record_key,
        max(case when is_membership then 1 else 0 end) = 1 as is_membership
    from linked
    group by {{ value_key | join(', ') }}, dataset, record_key
),

-- a file with only its header makes its dataset count as delivered, without any row
headers as (
    select coalesce(headers_now.dataset, headers_before.dataset) as dataset
    from (select distinct dataset from {{ source('control', 'empty_deliveries') }}) as headers_now
    full join (select distinct dataset from {{ source('control', 'previous_empty_deliveries') }}) as headers_before
        on headers_now.dataset = headers_before.dataset
    where headers_now.dataset is null or headers_before.dataset is null
)

select
    {% for column in value_key %}
    records.{{ column }},
    {% endfor %}
    changes.dataset,
    changes.record_key,
    changes.record_status,
    changes.received_on,
    changes.file_sha256,
    changes.file_name,
    changes.sheet,
    changes.row_number,
    changes.delivery_seq,
    changes.is_known,
    changes.change,
    records.is_membership
from records
inner join changes
    on
        records.dataset = changes.dataset
        and records.record_key = changes.record_key
union all
select
    {% for column in value_key %}
    moved_values.{{ column }},
    {% endfor %}
    headers.dataset,
    null as record_key,
    null as record_status,
    null as received_on,
    null as file_sha256,
    null as file_name,
    null as sheet,
    null as row_number,
    null as delivery_seq,
    true as is_known,
    'new_report' as change,
    false as is_membership
from moved_values
inner join needs
    on
        moved_values.plan_version = needs.plan_version
        and moved_values.indicator_id = needs.indicator_id
inner join headers on needs.dataset = headers.dataset
where
    'not_computable' in (
        coalesce(moved_values.status_without_rows, ''), coalesce(moved_values.status_with_rows, '')
    )
